// Holds: what a linker's map (-Wl,-Map=FILE) tells: which object an address
// came from, and who asked for an archive member. Formats of ld.bfd, gold,
// ld.lld and mold.
// Read next: link_map.cc

#ifndef HAKMEM_TOOLCHAINS_CHECK_LINK_MAP_H_
#define HAKMEM_TOOLCHAINS_CHECK_LINK_MAP_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hakmem::check {

struct ArchiveMember {
  std::string member;   // "/usr/lib/libc.a(malloc.o)"
  std::string because;  // the object that asked for it
  std::string symbol;   // and what it asked for
};

struct MappedCode {
  uint64_t address;
  uint64_t size;
  std::string object;  // "/usr/lib/libc.a(malloc.o)" or "main.o"
};

class LinkMap {
 public:
  // Never fails: a line that is none of the known forms is passed over.
  static LinkMap Parse(std::string_view text);

  // False for a file that is no linker's map.
  [[nodiscard]] bool known() const { return known_; }
  // Only ld.bfd and gold say who asked.
  [[nodiscard]] const std::vector<ArchiveMember>& members() const {
    return members_;
  }
  // Ordered by address.
  [[nodiscard]] const std::vector<MappedCode>& code() const { return code_; }
  // The object whose code holds `address`; "" where the map does not tell.
  [[nodiscard]] std::string ObjectAt(uint64_t address) const;
  // The path of the C library's archive; "" where none is named.
  [[nodiscard]] std::string LibcPath() const;

 private:
  enum class Format { kUnknown, kGnu, kLld, kMold };

  Format ReadHeading(std::string_view line, Format format);
  bool ReadMember(std::string_view line);
  void ReadGnuLine(std::string_view line);
  void ReadLldLine(std::string_view line, bool two_addresses);

  std::vector<ArchiveMember> members_;
  std::vector<MappedCode> code_;
  std::string pending_section_;
  bool in_members_ = false;
  bool known_ = false;
};

// "malloc.o" of ".../libc.a(malloc.o)", "" unless the archive is libc.a.
std::string_view LibcMember(std::string_view object);

}  // namespace hakmem::check

#endif  // HAKMEM_TOOLCHAINS_CHECK_LINK_MAP_H_
