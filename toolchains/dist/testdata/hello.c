#include <stdio.h>

/* Never names malloc: libc alone does, after everything else is linked. */
int main(void) {
  puts("hello");
  return 0;
}
