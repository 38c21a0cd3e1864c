// Frees a block again after other blocks came and went.
#include "tests/misuse/misuse.h"

MISUSE(double_free_delayed) {
  void* p = Escape(malloc(size));
  void* others[8];
  for (int i = 0; i < 8; ++i) others[i] = Escape(malloc(size));
  Blame(p);
  free(p);
  for (int i = 0; i < 8; ++i) free(others[i]);
  free(Escape(p));
}
