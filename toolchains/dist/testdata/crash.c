#include <stdlib.h>

/* Ends with a report, if hakmem_crash.o is linked in. */
int main(void) {
  void* volatile p = malloc(100);
  free(p);
  free(p);
  return 0;
}
