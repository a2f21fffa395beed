//! What a study came to, for people: a page that opens offline in any browser, and a memo.
//!
//! Everything shown is in an [`explore::outcome::Outcome`]; nothing is computed here but places and colours.
