//! The arguments: what each command takes, in the words of its `--help`.

use crate::failure::Result;
use crate::{bench, chat, chip, compile, eval, models, program, run, ui};
use base::tile::WeightKind;
use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;

/// An open AI inference chip, and the language models it runs, to the bit.
#[derive(Parser)]
#[command(name = "puce", version, styles = ui::HELP, max_term_width = 100, after_help = "\
Examples:
  puce run \"Why is the sky blue?\"   fetch a small model and let the chip answer
  puce chip show one                what the chip is
  puce compile --passes passes      what the compiler makes of the model")]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Continue a prompt on the emulated chip
    Run(run::Arguments),
    /// Talk with a model on the emulated chip
    Chat(chat::Arguments),
    /// List, fetch and describe models
    #[command(subcommand)]
    Model(models::Command),
    /// List, describe and check chips
    #[command(subcommand)]
    Chip(chip::Command),
    /// Compile a model and tell what became of it
    Compile(compile::Arguments),
    /// Print a program as text
    Objdump(program::ObjdumpArguments),
    /// Make a program from its text
    Asm(program::AsmArguments),
    /// Measure the speed of the emulator
    Bench(bench::Arguments),
    /// Measure the accuracy of the chip against the binary32 reference
    Eval(eval::Arguments),
    /// Print a completion script for a shell
    #[command(after_help = "\
Examples:
  puce completions bash > ~/.local/share/bash-completion/completions/puce
  puce completions zsh > ~/.zfunc/_puce
  puce completions fish > ~/.config/fish/completions/puce.fish")]
    Completions {
        /// The shell
        shell: Shell,
    },
}

/// Runs the command.
pub fn dispatch(arguments: Arguments) -> Result {
    match arguments.command {
        Command::Run(arguments) => run::run(&arguments),
        Command::Chat(arguments) => chat::run(&arguments),
        Command::Model(command) => models::run(&command),
        Command::Chip(command) => chip::run(&command),
        Command::Compile(arguments) => compile::run(&arguments),
        Command::Objdump(arguments) => program::objdump(&arguments),
        Command::Asm(arguments) => program::asm(&arguments),
        Command::Bench(arguments) => bench::run(&arguments),
        Command::Eval(arguments) => eval::run(&arguments),
        Command::Completions { shell } => completions(shell),
    }
}

fn completions(shell: Shell) -> Result {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "puce", &mut script);
    ui::print(&String::from_utf8_lossy(&script))
}

/// A weight kind by its name.
pub fn weight_kind(name: &str) -> std::result::Result<WeightKind, String> {
    WeightKind::ALL.into_iter().find(|kind| kind.name() == name).ok_or_else(|| {
        let known = WeightKind::ALL.map(WeightKind::name).join(", ");
        format!("known are {known}")
    })
}

/// A number of at least 1.
pub fn positive(text: &str) -> std::result::Result<usize, String> {
    match text.parse() {
        Ok(number) if number > 0 => Ok(number),
        Ok(_) => Err("it must be at least 1".into()),
        Err(_) => Err("a whole number is expected".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_arguments_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn kinds_have_one_name_each() {
        assert!(WeightKind::ALL.into_iter().all(|kind| weight_kind(kind.name()) == Ok(kind)));
        assert!(weight_kind("i4").unwrap_err().contains("i4m"));
        assert_eq!((positive("3"), positive("0").is_err(), positive("-1").is_err()), (Ok(3), true, true));
    }
}
