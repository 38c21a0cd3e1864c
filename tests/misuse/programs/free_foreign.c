// Frees pages of the system's own, whose bytes look like headers.
#include "tests/misuse/misuse.h"

MISUSE(free_foreign) {
  unsigned char* pages = ForeignPages(1 << 20);
  memset(pages, 0xA1, 1 << 20);
  Blame(pages + 4096 + 16);
  free(Escape(pages + 4096 + 16));
}
