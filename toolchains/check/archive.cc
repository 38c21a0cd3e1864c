#include "toolchains/check/archive.h"

#include <ar.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <string_view>
#include <utility>

#include "toolchains/check/elf_file.h"
#include "toolchains/check/names.h"

namespace hakmem::check {
namespace {

struct Member {
  std::string name;
  ElfFile file;
};

constexpr uint64_t kMaxNameTable = 1u << 20;

uint64_t Decimal(std::string_view field) {
  uint64_t value = 0;
  std::from_chars(field.data(), field.data() + field.size(), value);
  return value;
}

// "name/" or "/123", an offset into the table of long names.
std::string MemberName(std::string_view field, const std::string& long_names) {
  if (field[0] != '/') return std::string(field.substr(0, field.find('/')));
  const uint64_t offset = Decimal(field.substr(1));
  if (offset >= long_names.size()) return "?";
  return long_names.substr(offset, long_names.find('/', offset) - offset);
}

std::optional<std::vector<Member>> ReadMembers(const ByteSource& source,
                                               std::string* error) {
  if (source.Read(0, SARMAG).value_or("") != ARMAG) {
    *error = "it is not an archive of objects.";
    return std::nullopt;
  }
  std::vector<Member> members;
  std::string long_names;
  uint64_t at = SARMAG;
  while (at + sizeof(ar_hdr) <= source.size()) {
    const auto header = source.ReadAs<ar_hdr>(at);
    if (!header.has_value()) break;
    const std::string_view name(header->ar_name, sizeof(header->ar_name));
    const uint64_t size = Decimal({header->ar_size, sizeof(header->ar_size)});
    const auto data = source.Slice(at + sizeof(ar_hdr), size);
    if (!data.has_value()) {
      *error = "it is truncated or damaged.";
      return std::nullopt;
    }
    if (name.substr(0, 2) == "//" && size <= kMaxNameTable) {
      long_names = data->Read(0, size).value_or("");
    } else if (name.substr(0, 2) != "/ " && name.substr(0, 7) != "/SYM64/") {
      std::string why;
      auto file = ElfFile::Parse(*data, &why);
      if (file.has_value()) {
        members.push_back({MemberName(name, long_names), std::move(*file)});
      }
    }
    at += sizeof(ar_hdr) + size + (size & 1);
  }
  return members;
}

bool Global(const Symbol& symbol) {
  return symbol.defined() && symbol.binding != STB_LOCAL;
}

bool TakenOver(std::string_view name) {
  return Contains(kWrappedGlibc, name) || Contains(kForkHooksGlibc, name) ||
         Contains(kForkHooksMusl, name);
}

bool InHeap(const Member& member) {
  const auto& symbols = member.file.symbols();
  return std::any_of(symbols.begin(), symbols.end(), [](const Symbol& s) {
    return Global(s) && Contains(kWrappedGlibc, s.name);
  });
}

// What the heap's members are called inside of themselves: __malloc_context of
// musl's free.lo leads to malloc.lo.
void ReadHeap(const std::vector<Member>& members, LibcArchive* out) {
  for (const Member& member : members) {
    if (!InHeap(member)) continue;
    out->heap_members.push_back(member.name);
    for (const Symbol& s : member.file.symbols()) {
      if (Global(s) && !TakenOver(s.name)) {
        out->heap_globals.emplace_back(s.name);
      }
    }
  }
}

void ReadReferences(const std::vector<Member>& members, LibcArchive* out) {
  for (const Member& member : members) {
    if (InHeap(member)) continue;
    for (const Symbol& s : member.file.symbols()) {
      if (s.section != SHN_UNDEF || s.binding == STB_WEAK) continue;
      if (Contains(out->heap_globals, s.name)) {
        out->around.push_back({member.name, std::string(s.name)});
      }
    }
  }
}

// glibc signs in version.o, "... release version 2.36."; musl's version.o(lo)
// holds nothing but the number.
void ReadVersion(std::vector<Member>* members, LibcArchive* out) {
  constexpr std::string_view kSignature = "stable release version ";
  for (Member& member : *members) {
    const std::string_view name = member.name;
    if (name == "version.o") {
      std::string found = member.file.FindText(kSignature);
      while (!found.empty() && found.back() == '.') found.pop_back();
      if (!found.empty()) *out = {"glibc", found, {}, {}, {}};
    }
    if (name == "version.lo") {
      out->kind = "musl";
      out->version = member.file.FindText("");
    }
  }
}

}  // namespace

std::optional<LibcArchive> LibcArchive::Read(const ByteSource& source,
                                             std::string* error) {
  auto members = ReadMembers(source, error);
  if (!members.has_value()) return std::nullopt;
  LibcArchive out;
  ReadVersion(&*members, &out);
  ReadHeap(*members, &out);
  ReadReferences(*members, &out);
  if (out.heap_members.empty()) {
    *error = "it holds no malloc: it is not a libc.a.";
    return std::nullopt;
  }
  return out;
}

}  // namespace hakmem::check
