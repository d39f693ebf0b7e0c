#include "python_receiver.hpp"

#include <pybind11/stl.h>

#include <utility>

#include "frame.hpp"
#include "worker_pool.hpp"

namespace py = pybind11;

namespace millrace::python {

namespace {

class receiver_of_python final : public receiver<frame> {
 public:
  receiver_of_python(std::string name, held_object of)
      : name_(std::move(name)), of_(std::move(of)) {}

  void on_start() override { call("begin", stored_rows(*this)); }
  void on_stop() override { call("end"); }
  std::string description() const override { return name_; }

  bool store_frames(const std::vector<frame>& frames, bool together) const {
    if (together) return store_all(frames);
    for (const frame& one : frames)
      if (!store(one)) return false;
    return true;
  }

 private:
  template <class... A>
  void call(const char* method, A... arguments) {
    if (_Py_IsFinalizing()) return;
    const py::gil_scoped_acquire lock;
    try {
      of_->attr(method)(std::move(arguments)...);
    } catch (const py::error_already_set& raised) {
      throw python_error(raised.what());
    }
  }

  std::string name_;
  held_object of_;
};

}  // namespace

bool stored_rows::store(const std::vector<py::bytes>& frames, bool together) const {
  std::vector<frame> views;
  for (const py::bytes& one : frames)
    views.push_back({{0, 0},
                     {PyBytes_AS_STRING(one.ptr()),
                      static_cast<std::size_t>(PyBytes_GET_SIZE(one.ptr()))}});
  const py::gil_scoped_release no_python;  // the caller holds the bytes
  return static_cast<const receiver_of_python*>(of_)->store_frames(views, together);
}

void stored_rows::restart(const std::string& text, double seconds) const {
  of_->restart(text, std::chrono::duration_cast<std::chrono::milliseconds>(
                         std::chrono::duration<double>(seconds)));
}

std::shared_ptr<detail::receiver_base> python_receiver(std::string name, held_object of) {
  return std::make_shared<receiver_of_python>(std::move(name), std::move(of));
}

}  // namespace millrace::python
