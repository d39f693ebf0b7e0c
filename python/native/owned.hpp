// Engines and streams as Python owns them.
#pragma once

#include <pybind11/pybind11.h>

#include <memory>
#include <utility>

namespace millrace::python {

/// Owned by Python, ended without its lock: what ends waits for threads that may want it.
template <class T, class... A>
std::shared_ptr<T> make_ended_unlocked(A... arguments) {
  return {new T(std::move(arguments)...), [](T* ended) {
            if (PyGILState_Check() == 0) return delete ended;
            const pybind11::gil_scoped_release no_python;
            delete ended;
          }};
}

}  // namespace millrace::python
