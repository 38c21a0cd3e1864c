// Frees an address that no pointer of this CPU can have.
#include "tests/misuse/misuse.h"

MISUSE(free_noncanonical) {
  void* const wild = (void*)Opaque((size_t)0xA1A1A1A1A1A1A1A0);
  Blame(wild);
  free(Escape(wild));
}
