//! Any text is a chip description or is refused in a sentence that names the file.
#![no_main]

use arch::chip::Chip;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Err(error) = Chip::parse("fuzz.toml", text) {
        assert!(error.to_string().starts_with("fuzz.toml"), "{error}");
    }
});
