//! Live log streams: keeping the newest lines in a ring and looking at them through a viewport.
//! Pure, but for `tail`, which follows an instance through the runtime port.
