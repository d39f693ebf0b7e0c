// What tasks add up, on its way to the driver.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "millrace/detail/base/bytes.hpp"

namespace millrace::detail {

class accumulator_tally;

/// The value of an accumulator at the driver, untyped. Any thread.
class accumulated {
 public:
  explicit accumulated(std::string name) : name_(std::move(name)) {}
  accumulated(const accumulated&) = delete;
  accumulated& operator=(const accumulated&) = delete;
  virtual ~accumulated();

  const std::string& name() const { return name_; }
  /// A zero, for what one task adds up.
  virtual std::shared_ptr<void> zero() const = 0;
  /// `by`: the tally whose part it is; null: it counts for good.
  virtual void merge(const void* from_task, const accumulator_tally* by) = 0;
  /// What was added by the tally counts for good; or was never added.
  virtual void settle(const accumulator_tally& by) = 0;
  virtual void drop(const accumulator_tally& by) = 0;

  /// Says how the value is encoded; empty: its type is no row's, and checkpoints leave it out.
  virtual std::string signature() const { return {}; }
  /// What counts for good, without what tallies have that are not settled.
  virtual void write(byte_writer&) const {}
  virtual void read(byte_reader&) {}

 private:
  std::string name_;
};
using accumulated_ptr = std::shared_ptr<accumulated>;

/// Those of a context that are alive, in the order in which they were made. Any thread.
class accumulator_list {
 public:
  void add(const accumulated_ptr& one);
  std::vector<accumulated_ptr> all() const;

 private:
  mutable std::mutex mutex_;
  mutable std::vector<std::weak_ptr<accumulated>> all_;
};

/// What the jobs of one batch add, until it is decided whether that counts: so a checkpoint can
/// keep what batches that are done have left, also while others run. Any thread.
class accumulator_tally {
 public:
  accumulator_tally() = default;
  accumulator_tally(const accumulator_tally&) = delete;
  accumulator_tally& operator=(const accumulator_tally&) = delete;

  void settle();
  void drop();

  /// Calls `add(by)` with the tally of the calling thread, which is not decided meanwhile; with
  /// null where it has none, or comes too late.
  static void count(const accumulated_ptr& to,
                    const std::function<void(const accumulator_tally* by)>& add);

  /// While it lives, what the calling thread's jobs add belongs to the tally; null: to none.
  class scope {
   public:
    explicit scope(std::shared_ptr<accumulator_tally> tally);
    ~scope();
    scope(const scope&) = delete;
    scope& operator=(const scope&) = delete;

   private:
    std::shared_ptr<accumulator_tally> before_;
  };
  /// Of the calling thread, for another one that works for it.
  static std::shared_ptr<accumulator_tally> current();

 private:
  std::mutex mutex_;  // before those of accumulators
  bool decided_ = false;
  std::vector<accumulated_ptr> touched_;
};

/// What one attempt at a task added. It counts once the driver has believed the attempt, so what
/// failed, was lost or was too late does not.
struct accumulator_update {
  accumulated_ptr to;
  std::shared_ptr<void> value;
};
using accumulator_updates = std::vector<accumulator_update>;

/// What the calling thread's task has added to this one so far, made where it has nothing yet; null
/// where the thread runs no task.
void* update_in_task(const accumulated_ptr& to);
/// Throws usage_error in a task.
void check_no_task(const accumulated& of);

/// The thread runs a task from here on, which adds to `updates`.
class updates_scope {
 public:
  explicit updates_scope(accumulator_updates& updates);
  ~updates_scope();
  updates_scope(const updates_scope&) = delete;
  updates_scope& operator=(const updates_scope&) = delete;

 private:
  accumulator_updates* before_;
};

}  // namespace millrace::detail
