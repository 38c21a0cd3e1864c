#define _GNU_SOURCE
#include <hakmem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Blocks that libc allocated, freed by the program. */
int main(void) {
  FILE* file = fopen("/proc/self/status", "r");
  char* line = NULL;
  size_t room = 0;
  int lines = 0;
  while (file != NULL && getline(&line, &room, file) > 0) {
    char* copy = strdup(line);
    if (copy == NULL || strcmp(copy, line) != 0) return 1;
    free(copy);
    ++lines;
  }
  if (file != NULL) fclose(file);
  free(line);
  printf("%s, %s\n", lines > 0 ? "lines" : "none", hak_variant());
  return 0;
}
