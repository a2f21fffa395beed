//! Ctrl-C: the first one asks the work in progress to stop at its next whole step, the second one ends the program.

use std::sync::atomic::{AtomicBool, Ordering};

static REQUESTED: AtomicBool = AtomicBool::new(false);
static WORKING: AtomicBool = AtomicBool::new(false);

/// Listens from now on. Where the system refuses, Ctrl-C keeps its usual meaning.
pub fn listen() {
    let _ = ctrlc::set_handler(|| {
        let again = REQUESTED.swap(true, Ordering::SeqCst);
        if again || !WORKING.load(Ordering::SeqCst) {
            // Leaves the line on which the terminal shows `^C`.
            crate::ui::note("");
            std::process::exit(130);
        }
    });
}

/// Whether to stop.
pub fn requested() -> bool {
    REQUESTED.load(Ordering::SeqCst)
}

/// Forgets a request that has been met; tells whether there was one.
pub fn take() -> bool {
    REQUESTED.swap(false, Ordering::SeqCst)
}

/// While this lives, there is work that stops by itself when asked.
pub struct Working;

impl Working {
    /// The work begins.
    pub fn begin() -> Working {
        WORKING.store(true, Ordering::SeqCst);
        Working
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        WORKING.store(false, Ordering::SeqCst);
    }
}
