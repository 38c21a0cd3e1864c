// Writes 1 MiB before a block.
#include "tests/misuse/misuse.h"

MISUSE(underflow_1m) {
  char* p = (char*)Escape(malloc(size));
  memset(p - (1 << 20), 0x41, 1 << 20);
  free(p);
}
