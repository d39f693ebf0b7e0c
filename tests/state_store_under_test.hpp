// Where the tests of state keep it: in memory or, run again for that, elsewhere.
#pragma once

#include <cstdlib>
#include <string>
#include <utility>

namespace millrace::test {

inline std::pair<std::string, std::string> state_store() {
  const char* const wanted = std::getenv("MILLRACE_TEST_STATE_STORE");
  return {"streaming.state.store", wanted == nullptr ? "memory" : wanted};
}

}  // namespace millrace::test
