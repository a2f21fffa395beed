//! The arguments: what each command takes, in the words of its `--help`.

use crate::failure::Result;
use crate::{
    bench, chat, chip, compile, design, eval, facts, map, models, package, perf, program, run, simulate, synth, trace,
    ui, validate, verify,
};
use base::tile::WeightKind;
use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;

/// An open AI inference chip, and the language models it runs, to the bit.
#[derive(Parser)]
#[command(name = "puce", version, styles = ui::HELP, max_term_width = 100, after_help = "\
Examples:
  puce design                       the best chip for a study, and whether to build it
  puce run \"Why is the sky blue?\"   fetch a small model and let the chip answer
  puce chip show one                what the chip is
  puce compile --passes passes      what the compiler makes of the model")]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Find the best chip for a study, and tell whether to build it
    Design(design::Arguments),
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
    /// Find the best way to run one matrix product on a chip
    Map(map::Arguments),
    /// Write a chip as SystemVerilog, with constraints, chapters and a smoke test
    Rtl(package::Arguments),
    /// Measure the speed of the emulator
    Bench(bench::Arguments),
    /// Tell how long a network takes on a device, and what it waits for
    Perf(perf::Arguments),
    /// Tell what users of a service would see, in simulated time
    Simulate(simulate::Arguments),
    /// Measure the accuracy of the chip against the binary32 reference
    Eval(eval::Arguments),
    /// List prices and other figures of the outside world, with their sources
    Facts(facts::Arguments),
    /// Hold the model of time against measurements, or fit it to them
    Validate(validate::Arguments),
    /// Simulate the design cycle by cycle on a model, and hold it to the emulator
    Verify(verify::Arguments),
    /// Draw what every engine of the chip does and waits for, cycle by cycle
    Trace(trace::Arguments),
    /// Make cells of the design's modules: area, speed and power, with places and pictures
    Synth(synth::Arguments),
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
        Command::Design(arguments) => design::run(&arguments),
        Command::Run(arguments) => run::run(&arguments),
        Command::Chat(arguments) => chat::run(&arguments),
        Command::Model(command) => models::run(&command),
        Command::Chip(command) => chip::run(&command),
        Command::Compile(arguments) => compile::run(&arguments),
        Command::Objdump(arguments) => program::objdump(&arguments),
        Command::Asm(arguments) => program::asm(&arguments),
        Command::Map(arguments) => map::run(&arguments),
        Command::Rtl(arguments) => package::run(&arguments),
        Command::Bench(arguments) => bench::run(&arguments),
        Command::Perf(arguments) => perf::run(&arguments),
        Command::Simulate(arguments) => simulate::run(&arguments),
        Command::Eval(arguments) => eval::run(&arguments),
        Command::Facts(arguments) => facts::run(&arguments),
        Command::Validate(arguments) => validate::run(&arguments),
        Command::Verify(arguments) => verify::run(&arguments),
        Command::Trace(arguments) => trace::run(&arguments),
        Command::Synth(arguments) => synth::run(&arguments),
        Command::Completions { shell } => completions(shell),
    }
}

fn completions(shell: Shell) -> Result {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "puce", &mut script);
    ui::print(&String::from_utf8_lossy(&script))
}

/// A kind that weights can be stored in, by its name. Two kinds are the key and value cache's own.
pub fn weight_kind(name: &str) -> std::result::Result<WeightKind, String> {
    let kinds = || WeightKind::ALL.into_iter().filter(|kind| !matches!(kind, WeightKind::A8 | WeightKind::U8));
    kinds().find(|kind| kind.name() == name).ok_or_else(|| {
        let known: Vec<&str> = kinds().map(WeightKind::name).collect();
        format!("known are {}", known.join(", "))
    })
}

/// Largest count of anything that can be asked for: above what any machine holds, and far below where products of counts overflow.
const MOST: usize = 1 << 24;

/// A number of at least 1.
pub fn positive(text: &str) -> std::result::Result<usize, String> {
    match text.parse() {
        Ok(number) if (1..=MOST).contains(&number) => Ok(number),
        Ok(_) => Err(format!("it must be at least 1 and at most {MOST}")),
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
        let given = WeightKind::ALL.map(|kind| weight_kind(kind.name()));
        assert_eq!(given.iter().filter(|kind| kind.is_ok()).count(), 6);
        assert!(given.into_iter().zip(WeightKind::ALL).all(|(given, kind)| given.is_err() || given == Ok(kind)));
        assert!(weight_kind("a8").is_err() && weight_kind("u8").is_err());
        assert!(weight_kind("i4").unwrap_err().contains("i4m"));
        assert_eq!(positive("3"), Ok(3));
        assert!(
            ["0", "-1", "", "1.5", "16777217", "99999999999999999999"].into_iter().all(|text| positive(text).is_err())
        );
    }
}
