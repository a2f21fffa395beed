//! The built binary, as a user meets it: arguments in, text and exit code out.

mod chips;
mod design;
mod facts;
mod help;
mod map;
mod matter;
mod models;
mod perf;
mod programs;

mod real;
mod silicon;
mod simulate;
mod tool;
mod validate;
