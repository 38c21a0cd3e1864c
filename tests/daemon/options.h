// The command line of the daemon.

#ifndef TESTS_DAEMON_OPTIONS_H_
#define TESTS_DAEMON_OPTIONS_H_

struct Options {
  int port;  // 0: any free one
  int workers;
  const char* rules;
  const char* database;
};

enum { kMaxWorkers = 16 };

// Fills `options`.  On anything it does not understand it prints a sentence
// and ends the process with code 2; after --help with code 0.
void ParseOptions(int argc, char** argv, struct Options* options);

#endif  // TESTS_DAEMON_OPTIONS_H_
