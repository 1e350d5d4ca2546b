//! The stories. One binary, so that the whole stack is linked once.

fn main() {}
