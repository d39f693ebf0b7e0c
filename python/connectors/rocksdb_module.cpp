// The module `_millrace_rocksdb`: streaming.state.store = rocksdb. It is there once it is imported.
#include <pybind11/pybind11.h>

extern "C" {
extern const bool* const millrace_rocksdb_linked;
}

PYBIND11_MODULE(_millrace_rocksdb, m) {
  m.doc() = "State on disk; not for programs.";
  m.attr("linked") = *millrace_rocksdb_linked;
}
