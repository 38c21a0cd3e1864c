// Frees the first byte of foreign pages: nothing is mapped before it, and a
// heap that looks at the byte before the pointer faults.
#include "tests/misuse/misuse.h"

MISUSE(free_foreign_edge) {
  unsigned char* pages = ForeignPages(1 << 20);
  Blame(pages);
  free(Escape(pages));
}
