// Reads on and on behind a block that realloc made longer.
#include "tests/misuse/misuse.h"

MISUSE(read_past_grown) {
  const size_t grown = size + size / 2;
  char* p = (char*)Escape(malloc(size));
  p = (char*)Escape(realloc(p, grown));
  for (size_t i = grown; i < grown + (1 << 17); i += 4096) {
    (void)*(volatile char*)(p + i);
  }
  free(p);
}
