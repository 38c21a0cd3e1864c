// hakmem-view: a heap image to look at. Read next: heap_image.h

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <new>
#include <string>
#include <vector>

#include "toolchains/view/heap_image.h"
#include "toolchains/view/page.h"

namespace hakmem::view {
namespace {

constexpr char kHelp[] =
    R"(usage: hakmem-view DUMP [-o PAGE.html]
       hakmem-view BEFORE DUMP -o PAGE.html

Draws what hak_dump(fd) wrote as one HTML page that needs no network and no
other file: SuperSlabs as rows, slabs coloured by class and filled as far as
they are in use, caches, spans, Huge blocks, the gauges; the mouse shows the
details. With two images of one program it says what grew in between.

Without -o it prints the numbers as text.

Exit code: 0 done, 2 not; then PAGE.html is what it was before.
)";

struct Options {
  std::vector<std::string> dumps;
  std::string out;
};

std::string ReadOptions(int argc, char** argv, Options* options) {
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "-o" && i + 1 < argc) {
      options->out = argv[++i];
    } else if (word.size() > 1 && word[0] == '-') {
      return word + " is not an option, or its value is missing; see --help.";
    } else {
      options->dumps.push_back(word);
    }
  }
  if (options->dumps.empty()) return "no heap image was given; see --help.";
  if (options->dumps.size() > 2) return "more than two images were given.";
  if (options->dumps.size() == 2 && options->out.empty()) {
    return "two images are drawn, not printed: -o is missing.";
  }
  return "";
}

// Beside the file first, so that what is there stays whole until the new one
// is. Returns a sentence if it could not be done.
std::string WriteFile(const std::string& path, const std::string& text) {
  const auto failed = [&path] {
    return path + " cannot be written: " + std::strerror(errno) + ".";
  };
  struct stat status;
  if (stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode)) {
    return path + " cannot be written: it is not a regular file.";
  }
  std::string temporary = path + ".XXXXXX";
  const int fd = mkstemp(&temporary[0]);
  if (fd < 0) return failed();
  size_t written = 0;
  while (written < text.size()) {
    const ssize_t n = write(fd, text.data() + written, text.size() - written);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    written += static_cast<size_t>(n);
  }
  // What any program would have made it, and not mkstemp's 0600.
  const mode_t mask = umask(0);
  umask(mask);
  std::string wrong;
  if (written < text.size() || fchmod(fd, 0666 & ~mask) != 0) wrong = failed();
  if (close(fd) != 0 && wrong.empty()) wrong = failed();
  if (wrong.empty() && rename(temporary.c_str(), path.c_str()) != 0) {
    wrong = failed();
  }
  if (!wrong.empty()) unlink(temporary.c_str());
  return wrong;
}

std::string Run(const Options& options) {
  std::string error;
  std::vector<HeapImage> images;
  for (const std::string& path : options.dumps) {
    auto image = ReadImage(path, &error);
    if (!image.has_value()) return error;
    images.push_back(std::move(*image));
  }
  if (images.size() == 2 &&
      std::strcmp(images[0].header.variant, images[1].header.variant) != 0) {
    return "the two images are of different variants, so of two programs.";
  }
  if (!options.out.empty()) {
    const HeapImage* before = images.size() == 2 ? &images[0] : nullptr;
    return WriteFile(options.out, AsPage(images.back(), before));
  }
  const std::string text = AsText(images[0]);
  if (std::fputs(text.c_str(), stdout) < 0 || std::fflush(stdout) != 0) {
    return "the numbers cannot be written.";
  }
  return "";
}

int Main(int argc, char** argv) {
  if (argc == 2 && std::strcmp(argv[1], "--help") == 0) {
    std::fputs(kHelp, stdout);
    return 0;
  }
  Options options;
  std::string wrong = ReadOptions(argc, argv, &options);
  try {
    if (wrong.empty()) wrong = Run(options);
  } catch (const std::bad_alloc&) {
    wrong = "not enough memory.";
  }
  if (wrong.empty()) return 0;
  std::fprintf(stderr, "hakmem-view: %s\n", wrong.c_str());
  return 2;
}

}  // namespace
}  // namespace hakmem::view

int main(int argc, char** argv) { return hakmem::view::Main(argc, argv); }
