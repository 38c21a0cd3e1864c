// Asks for the size of a block that was freed.
#include "tests/misuse/misuse.h"

MISUSE(usable_size_freed) {
  void* p = Escape(malloc(size));
  Blame(p);
  free(p);
  Escape((void*)malloc_usable_size(Escape(p)));
}
