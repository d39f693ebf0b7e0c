#include "python_stream.hpp"

#include <utility>

#include "dataset_object.hpp"
#include "frame.hpp"
#include "millrace/detail/dataset/operations.hpp"
#include "millrace/detail/dataset/row_traits.hpp"
#include "millrace/detail/streaming/operations.hpp"
#include "worker_pool.hpp"

namespace py = pybind11;

namespace millrace::python {

namespace {

thread_local bool running_batch = false;

struct batch_scope {
  bool before = std::exchange(running_batch, true);
  ~batch_scope() { running_batch = before; }
};

/// REQUIRES: Python's lock. Throws what it says of a failure.
py::object called(const held_object& callback, detail::time_point_ms time) {
  try {
    py::object answer = (*callback)(time.time_since_epoch().count());
    if (py::isinstance<py::str>(answer)) throw python_error(answer.cast<std::string>());
    return answer;
  } catch (const py::error_already_set& raised) {  // which nobody without the lock may hold
    throw python_error(raised.what());
  }
}

class stream_of_python final : public detail::stream_node {
 public:
  stream_of_python(facts f, held_object compute)
      : stream_node(std::move(f)), compute_(std::move(compute)) {}

 protected:
  detail::node_ptr compute(detail::time_point_ms time) override {
    const py::gil_scoped_acquire lock;
    const py::object answer = called(compute_, time);
    return answer.is_none() ? detail::node_ptr() : answer.cast<python::dataset>().node;
  }

 private:
  held_object compute_;
};

class input_of_python final : public detail::input_stream {
 public:
  input_of_python(facts f, held_object take) : input_stream(std::move(f)), take_(std::move(take)) {}

 protected:
  detail::node_ptr compute(detail::time_point_ms time) override {
    const py::gil_scoped_acquire lock;
    called(take_, time);
    return {};
  }

 private:
  held_object take_;
};

/// What an output stands on: it has a dataset, of nothing, where the program has something to do.
class python_job final : public detail::stream_node {
 public:
  python_job(facts f, held_object generate)
      : stream_node(std::move(f)),
        generate_(std::move(generate)),
        nothing_(detail::from_rows(engine()->core(), rows(), {})) {}

 protected:
  detail::node_ptr compute(detail::time_point_ms time) override {
    const py::gil_scoped_acquire lock;
    return called(generate_, time).cast<bool>() ? nothing_ : nullptr;
  }

 private:
  held_object generate_;
  detail::node_ptr nothing_;
};

struct python_output {
  held_object run;
};

void run_output(const void* function, const detail::node_ptr&, detail::time_point_ms time) {
  const batch_scope scope;
  const py::gil_scoped_acquire lock;
  called(detail::function_in<python_output>(function).run, time);
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

detail::stream_ptr python_stream(const detail::stream_engine_ptr& engine,
                                 std::vector<detail::stream_ptr> parents,
                                 std::chrono::milliseconds slide, const detail::row_type& rows,
                                 py::object compute) {
  return std::make_shared<stream_of_python>(
      detail::stream_node::facts{engine, &rows, "python", std::move(parents), slide},
      hold(std::move(compute)));
}

detail::stream_ptr python_input(const detail::stream_engine_ptr& engine, std::string name,
                                py::object take) {
  auto input = std::make_shared<input_of_python>(
      detail::stream_node::facts{engine, &detail::row_type_of<frame>(), "python", {}},
      hold(std::move(take)));
  input->name(std::move(name));
  engine->graph().add_input(input);
  return input;
}

void add_python_output(const detail::stream_engine_ptr& engine, std::string name,
                       std::vector<detail::stream_ptr> parents, std::chrono::milliseconds slide,
                       py::object generate, py::object run) {
  auto stream = std::make_shared<python_job>(
      detail::stream_node::facts{engine, &detail::row_type_of<frame>(), "python",
                                 std::move(parents), slide},
      hold(std::move(generate)));
  stream->name(std::move(name));
  detail::add_output(stream, "python",
                     {detail::keep_function(python_output{hold(std::move(run))}), run_output});
}

}  // namespace millrace::python
