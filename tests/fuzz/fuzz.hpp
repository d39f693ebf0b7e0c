// Gives a reader of bytes what it should never have been given.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::fuzz {

/// What is read. `read` may throw `error`, which is a refusal; whatever else it throws, fails or
/// breaks is a defect, as is one piece of memory that no input of this size can be worth.
struct reader {
  /// Of the directory below `corpus`.
  std::string name;
  std::function<void(std::string_view)> read;
  /// What a writer made, to begin with.
  std::vector<std::string> seeds;
};

/// Reads the corpus and the seeds, then changes of them, for MILLRACE_FUZZ_SECONDS (1). The same
/// MILLRACE_FUZZ_SEED makes the same changes as long as the reader answers the same. The input that
/// is being read lies in a file, which stays if the process dies of it or a test fails;
/// MILLRACE_FUZZ_INPUT reads that file alone. With MILLRACE_FUZZ_KEEP inputs with an answer that
/// had not been seen before are put into the corpus.
void fuzz(const reader& of);

}  // namespace millrace::fuzz
