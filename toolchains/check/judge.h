// Holds: the verdict over one program. The rules are in judge.cc, each with the
// reason why it proves what it says.
// Read next: judge.cc

#ifndef HAKMEM_TOOLCHAINS_CHECK_JUDGE_H_
#define HAKMEM_TOOLCHAINS_CHECK_JUDGE_H_

#include <string>

#include "toolchains/check/archive.h"
#include "toolchains/check/elf_file.h"
#include "toolchains/check/link_map.h"
#include "toolchains/check/report.h"

namespace hakmem::check {

// What may be known besides the program itself; null where it is not.
struct Evidence {
  const LinkMap* map = nullptr;
  const LibcArchive* libc = nullptr;
  // "release", "hardened" or "checked"; "" for any that is closed by design.
  std::string variant;
};

Report Judge(ElfFile* file, const Evidence& evidence);

}  // namespace hakmem::check

#endif  // HAKMEM_TOOLCHAINS_CHECK_JUDGE_H_
