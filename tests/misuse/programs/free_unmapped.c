// Frees an address that nothing is mapped at.
#include "tests/misuse/misuse.h"

MISUSE(free_unmapped) {
  char* const wild = (char*)Opaque((size_t)0x123456780);
  Blame(wild);
  free(Escape(wild));
}
