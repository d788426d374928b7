// Durations, back-off ladders and jitter: pure functions of a time or a text. Used by all rooms; clocks and timers are in src/time.

/** All durations of kube-lego are in milliseconds. */
export const second = 1000;
export const minute = 60 * second;
export const hour = 60 * minute;
export const day = 24 * hour;
