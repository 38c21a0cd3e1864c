// Writes into the middle of a freed block, away from every link and header.
#include "tests/misuse/misuse.h"

MISUSE(write_after_free_middle) {
  char* p = (char*)Escape(malloc(size));
  Blame(p);
  free(p);
  ((char*)Escape(p))[size / 2] = 0x41;
  for (int i = 0; i < 1000; ++i) Escape(malloc(size));
}
