//! random (being written)
