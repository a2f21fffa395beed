//! Any bytes are a program that is written back as the same bytes, or are refused. The checksum is supplied, so that damage reaches the fields.
#![no_main]

use arch::program::Program;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    let _ = Program::from_bytes(body).map_err(|error| error.to_string());
    let mut bytes = body.to_vec();
    bytes.extend_from_slice(&crc32fast::hash(body).to_le_bytes());
    match Program::from_bytes(&bytes) {
        Ok(program) => assert_eq!(program.to_bytes(), bytes),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
