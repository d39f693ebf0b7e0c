#include "python_stream.hpp"

#include <utility>

#include "dataset_object.hpp"
#include "millrace/detail/dataset/operations.hpp"
#include "millrace/detail/dataset/row_traits.hpp"
#include "millrace/detail/streaming/operations.hpp"
#include "python_node.hpp"

namespace py = pybind11;

namespace millrace::python {

namespace {

thread_local bool running_batch = false;

struct batch_scope {
  bool before = std::exchange(running_batch, true);
  ~batch_scope() { running_batch = before; }
};

/// Calls Python when a batch is made; it has a dataset, of nothing, where Python says so.
class python_stream final : public detail::stream_node {
 public:
  python_stream(facts f, bool takes_parents, held_object generate)
      : stream_node(std::move(f)), takes_parents_(takes_parents), generate_(std::move(generate)) {
    const detail::stream_engine_ptr owner = engine();
    nothing_ = detail::from_rows(owner->core(), rows(), {});
  }

 protected:
  detail::node_ptr compute(detail::time_point_ms time) override {
    std::vector<detail::node_ptr> datasets;
    for (const auto& parent : parents()) datasets.push_back(parent->dataset(time));
    const py::gil_scoped_acquire lock;
    const std::int64_t ms = time.time_since_epoch().count();
    if (!takes_parents_) return (*generate_)(ms).cast<bool>() ? nothing_ : nullptr;
    py::list given;
    for (const auto& dataset : datasets) given.append(dataset_object(dataset));
    (*generate_)(ms, given);
    return {};
  }

 private:
  bool takes_parents_;
  held_object generate_;
  detail::node_ptr nothing_;
};

struct python_output {
  held_object run;
};

void run_output(const void* function, const detail::node_ptr&, detail::time_point_ms time) {
  const batch_scope scope;
  const py::gil_scoped_acquire lock;
  (*detail::function_in<python_output>(function).run)(time.time_since_epoch().count());
}

void add(std::string name, detail::stream_node::facts f, bool takes_parents, py::object generate,
         py::object run) {
  auto stream =
      std::make_shared<python_stream>(std::move(f), takes_parents, hold(std::move(generate)));
  stream->name(std::move(name));
  detail::add_output(stream, "python",
                     {detail::keep_function(python_output{hold(std::move(run))}), run_output});
}

}  // namespace

held_object hold(py::object one) {
  return {new py::object(std::move(one)), [](py::object* held) {
            // At its end Python takes its lock with it; what is held then goes with the process.
            if (!Py_IsInitialized() || _Py_IsFinalizing()) return;
            const py::gil_scoped_acquire lock;
            delete held;
          }};
}

bool in_batch() { return running_batch; }

void add_python_inputs(const detail::stream_engine_ptr& engine,
                       std::vector<detail::stream_ptr> inputs, py::object take) {
  add("inputs", {engine, &detail::row_type_of<frame>(), "python", std::move(inputs)}, true,
      std::move(take), py::none());
}

void add_python_output(const detail::stream_engine_ptr& engine, std::string name,
                       std::chrono::milliseconds slide, py::object generate, py::object run) {
  add(std::move(name), {engine, &detail::row_type_of<frame>(), "python", {}, slide}, false,
      std::move(generate), std::move(run));
}

}  // namespace millrace::python
