// Memory on large pages. A run at full scale touches half a gigabyte at random (requests in flight,
// keys, timers); with pages of 4 KiB most of these are misses of the translation cache as well.
// What jemalloc reads of the program that it is linked to: https://jemalloc.net/jemalloc.3.html,
// "TUNING". No result depends on it.

extern "C" {
/// `thp:always` asks the kernel for transparent large pages, which it may refuse.
__attribute__((used, visibility("default"))) const char* malloc_conf = "thp:always,narenas:1";
}
