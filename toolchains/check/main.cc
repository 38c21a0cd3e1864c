// hakmem-check: is this program's every malloc hakmem's?
// Read next: judge.h

#include <cstdio>
#include <cstring>
#include <new>
#include <string>
#include <utility>

#include "toolchains/check/archive.h"
#include "toolchains/check/byte_source.h"
#include "toolchains/check/judge.h"

namespace hakmem::check {
namespace {

constexpr uint64_t kMaxElf = uint64_t{4} << 30;
constexpr uint64_t kMaxMap = uint64_t{512} << 20;
constexpr uint64_t kMaxArchive = uint64_t{512} << 20;

constexpr char kHelp[] =
    R"(usage: hakmem-check [OPTION]... ELF

Says whether every allocation of a static program goes to hakmem, and if not,
who is to blame. Give it the file that the linker wrote, not a stripped copy.

  --map FILE      the linker's map (-Wl,-Map=FILE): names the objects
  --libc PATH     the libc.a that was linked: names its version and its heap;
                  taken from the map if that is given
  --variant NAME  release, hardened or checked: fail on any other. The checked
                  variant links libc's heap by design and is closed only if it
                  is asked for
  --json          one JSON object instead of text

Linking with -Wl,-q keeps the relocations; they are then read too. Without them
a pointer to libc's heap stays unseen in a checked program.

Exit code: 0 closed, 1 open, 2 cannot tell.
)";

struct Options {
  std::string elf;
  std::string map;
  std::string libc;
  std::string variant;
  bool json = false;
};

// "--map FILE" or "--map=FILE".
bool TakeValue(const char* name, int argc, char** argv, int* i,
               std::string* value) {
  const size_t length = std::strlen(name);
  if (std::strncmp(argv[*i], name, length) != 0) return false;
  if (argv[*i][length] == '=') {
    *value = argv[*i] + length + 1;
    return true;
  }
  if (argv[*i][length] != '\0' || *i + 1 >= argc) return false;
  *value = argv[++*i];
  return true;
}

// One of the options that take a value. A script whose variable is empty must
// not ask for less than it meant to: `*error` says so.
bool TakeOption(int argc, char** argv, int* i, Options* options,
                std::string* error) {
  const std::pair<const char*, std::string*> all[] = {
      {"--map", &options->map},
      {"--libc", &options->libc},
      {"--variant", &options->variant}};
  for (const auto& [name, value] : all) {
    if (!TakeValue(name, argc, argv, i, value)) continue;
    if (value->empty()) *error = std::string(name) + " has an empty value.";
    return true;
  }
  return false;
}

bool ReadOptions(int argc, char** argv, Options* options, std::string* error) {
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (TakeOption(argc, argv, &i, options, error)) {
      if (!error->empty()) return false;
      continue;
    }
    if (argument == "--json") {
      options->json = true;
    } else if (argument.size() > 1 && argument[0] == '-') {
      *error = argument + " is not an option, or its value is missing.";
      return false;
    } else if (!options->elf.empty()) {
      *error = "more than one file was given.";
      return false;
    } else {
      options->elf = argument;
    }
  }
  const std::string& variant = options->variant;
  if (!variant.empty() && variant != "release" && variant != "hardened" &&
      variant != "checked") {
    *error = variant + " is not a variant: release, hardened or checked.";
    return false;
  }
  if (options->elf.empty()) *error = "no file was given; see --help.";
  return !options->elf.empty();
}

bool ReadMap(const std::string& path, LinkMap* map, std::string* error) {
  const auto source = ByteSource::Open(path, kMaxMap, error);
  if (!source.has_value()) return false;
  const auto text = source->Read(0, source->size());
  if (text.has_value()) *map = LinkMap::Parse(*text);
  if (!map->known()) *error = path + " is not a linker's map.";
  return map->known();
}

bool ReadLibc(const std::string& path, std::optional<LibcArchive>* libc,
              std::string* error) {
  const auto source = ByteSource::Open(path, kMaxArchive, error);
  if (!source.has_value()) return false;
  *libc = LibcArchive::Read(*source, error);
  if (!libc->has_value()) *error = path + ": " + *error;
  return libc->has_value();
}

Report CannotTell(const Options& options, const std::string& reason) {
  Report report;
  report.file = options.elf;
  report.reason = reason;
  return report;
}

Report Check(const Options& options) {
  std::string error;
  const auto source = ByteSource::Open(options.elf, kMaxElf, &error);
  if (!source.has_value()) return CannotTell(options, error);
  auto file = ElfFile::Parse(*source, &error);
  if (!file.has_value()) return CannotTell(options, error);

  LinkMap map;
  if (!options.map.empty() && !ReadMap(options.map, &map, &error)) {
    return CannotTell(options, error);
  }
  std::optional<LibcArchive> libc;
  if (!options.libc.empty()) {
    if (!ReadLibc(options.libc, &libc, &error)) {
      return CannotTell(options, error);
    }
  } else if (!map.LibcPath().empty()) {
    // The map may come from another machine: a bonus, not a must.
    ReadLibc(map.LibcPath(), &libc, &error);
  }
  Evidence evidence;
  evidence.map = options.map.empty() ? nullptr : &map;
  evidence.libc = libc.has_value() ? &*libc : nullptr;
  evidence.variant = options.variant;
  Report report = Judge(&*file, evidence);
  report.file = options.elf;
  return report;
}

int Main(int argc, char** argv) {
  Options options;
  std::string error;
  if (argc == 2 && std::strcmp(argv[1], "--help") == 0) {
    std::fputs(kHelp, stdout);
    return 0;
  }
  if (!ReadOptions(argc, argv, &options, &error)) {
    std::fprintf(stderr, "hakmem-check: %s\n", error.c_str());
    return static_cast<int>(Verdict::kCannotTell);
  }
  Report report;
  try {
    report = Check(options);
  } catch (const std::bad_alloc&) {
    report = CannotTell(options, "not enough memory to read it.");
  }
  const std::string text = options.json ? AsJson(report) : AsText(report);
  if (std::fputs(text.c_str(), stdout) < 0 || std::fflush(stdout) != 0) {
    std::fputs("hakmem-check: the report cannot be written.\n", stderr);
    return static_cast<int>(Verdict::kCannotTell);
  }
  return static_cast<int>(report.verdict);
}

}  // namespace
}  // namespace hakmem::check

int main(int argc, char** argv) { return hakmem::check::Main(argc, argv); }
