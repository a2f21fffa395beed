//! What the terminal shows while a study is reckoned.

use crate::ui;
use explore::design::Stage;
use explore::search::Progress;
use indicatif::ProgressBar;
use std::cell::Cell;
use std::time::Instant;

/// A bar while designs are searched, a wheel with the stage's name at other times; nothing where standard error is no terminal.
pub struct Bar {
    bar: ProgressBar,
    /// When the first round began, and the points until then.
    began: Cell<Option<(Instant, u64)>>,
}

impl Bar {
    /// Nothing yet.
    pub fn new() -> Bar {
        Bar { bar: ui::wheel(), began: Cell::new(None) }
    }

    /// A stage begins.
    pub fn stage(&self, stage: Stage) {
        ui::turn(&self.bar, stage.name());
    }

    /// How far the search is.
    pub fn search(&self, progress: &Progress) {
        let (began, before) = self.began.get().unwrap_or((Instant::now(), progress.points));
        self.began.set(Some((began, before)));
        let fresh = (progress.points - before) as f64;
        let mut told = format!("chips, {} points", ui::large(progress.points as f64));
        if fresh > 0.0 {
            told += &format!(", {}/s", ui::large(fresh / began.elapsed().as_secs_f64()));
        }
        if let Some(best) = progress.best {
            told += &format!(", best {best:.3} $/M");
            if let Some(bound) = progress.bound {
                told += &format!(", gap {:.0} %", 100.0 * (1.0 - bound / best).max(0.0));
            }
        }
        ui::advance(&self.bar, progress.done, progress.done + progress.left, told);
    }

    /// A note that stays.
    pub fn note(&self, text: &str) {
        self.bar.suspend(|| ui::note(text));
    }

    /// Nothing more.
    pub fn end(&self) {
        self.bar.finish_and_clear();
    }
}
