// Where another thread is.
#pragma once

#include <pthread.h>

#include <string>
#include <vector>

namespace millrace::detail {

/// The calls that `thread` is in, innermost first, `most` at most: function names where the program
/// exports them, else `file(+0x1a2b)`, which addr2line understands. The thread is asked by SIGURG,
/// which does nothing where nobody waits for it; a system call that it sits in may return EINTR.
/// Empty where the program has a handler of its own for that signal, or the thread did not answer
/// within 100 ms. REQUIRES: the thread lives until this returns.
std::vector<std::string> stack_of(pthread_t thread, int most);

}  // namespace millrace::detail
