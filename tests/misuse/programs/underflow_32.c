// Writes 32 bytes before a block, then frees it.
#include "tests/misuse/misuse.h"

MISUSE(underflow_32) {
  char* first = (char*)Escape(malloc(size));
  char* p = (char*)Escape(malloc(size));
  if (p < first) p = first;
  Blame(p);
  memset(p - 32, 0x41, 32);
  free(p);
}
