// Writes to the first byte of a block that has none.
#include "tests/misuse/misuse.h"

MISUSE(zero_size_first_byte) {
  char* p = (char*)Escape(malloc(Opaque(0)));
  *(volatile char*)p = 0x41;
  free(p);
}
