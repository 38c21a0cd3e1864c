// Writes 1 byte before a block, then frees it.
#include "tests/misuse/misuse.h"

MISUSE(underflow_1) {
  char* first = (char*)Escape(malloc(size));
  char* p = (char*)Escape(malloc(size));
  if (p < first) p = first;
  Blame(p);
  memset(p - 1, 0x41, 1);
  free(p);
}
