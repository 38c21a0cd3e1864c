// A vendor's archive with an allocator of its own.
#include <stddef.h>

static char pool[1 << 16];
static size_t used;

void* malloc(size_t size) {
  void* p = pool + used;
  used += (size + 15) / 16 * 16;
  return p;
}
void free(void* p) { (void)p; }
void* calloc(size_t n, size_t size) { return malloc(n * size); }
void* realloc(void* p, size_t size) { return p ? p : malloc(size); }
void* vendor_block(void) { return malloc(10); }
