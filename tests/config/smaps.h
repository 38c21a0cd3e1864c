// Box:   tests/config.   Uses: tests/support.h.
// Holds: what the kernel says of a mapping, in /proc/self/smaps.
// Read next: resident_test.c
#ifndef TESTS_CONFIG_SMAPS_H_
#define TESTS_CONFIG_SMAPS_H_

#include "tests/support.h"

// Under qemu-user it tells of the emulator.
static inline bool HasSmaps(void) {
  return !OnEmulator() && access("/proc/self/smaps", R_OK) == 0;
}

// The text after `field:` in the entry of the mapping around `p`, at most a
// line; "" if there is none.
static inline void ReadMapping(const void* p, const char* field, char* value,
                               size_t size) {
  static char text[1 << 20];
  const int fd = open("/proc/self/smaps", O_RDONLY | O_CLOEXEC);
  CHECK(fd >= 0);
  size_t length = 0;
  ssize_t got;
  while ((got = read(fd, text + length, sizeof text - 1 - length)) > 0) {
    length += (size_t)got;
  }
  text[length] = '\0';
  close(fd);
  bool here = false;
  value[0] = '\0';
  for (char* line = text; line != NULL && *line != '\0';) {
    char* const end = strchr(line, '\n');
    if (end != NULL) *end = '\0';
    char* rest = NULL;
    const uintptr_t from = strtoul(line, &rest, 16);
    if (rest != line && *rest == '-') {
      const uintptr_t to = strtoul(rest + 1, &rest, 16);
      here = (uintptr_t)p >= from && (uintptr_t)p < to;
    }
    const size_t name = strlen(field);
    if (here && strncmp(line, field, name) == 0 && line[name] == ':') {
      snprintf(value, size, "%s", line + name + 1);
    }
    line = end == NULL ? NULL : end + 1;
  }
}

static inline bool MappingHas(const void* p, const char* field,
                              const char* word) {
  char value[400];
  ReadMapping(p, field, value, sizeof value);
  return strstr(value, word) != NULL;
}

static inline size_t MappingKib(const void* p, const char* field) {
  char value[400];
  ReadMapping(p, field, value, sizeof value);
  return strtoul(value, NULL, 10);
}

#endif  // TESTS_CONFIG_SMAPS_H_
