// Sums on the side: tasks add, the driver reads.
#pragma once

#include <algorithm>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "millrace/detail/dataset/row_buffer.hpp"
#include "millrace/detail/dataset/row_traits.hpp"
#include "millrace/detail/engine/accumulators.hpp"

namespace millrace {

namespace detail {

/// Whether a checkpoint can keep the value: a scalar, text, a time, what has a codec, and
/// containers of those.
template <class T>
constexpr bool can_be_kept() {
  if constexpr (has_codec<T> || is_scalar<T> || std::is_same_v<T, std::string> || is_duration_v<T>)
    return true;
  else if constexpr (is_pair_v<T>)
    return can_be_kept<std::remove_const_t<typename T::first_type>>() &&
           can_be_kept<typename T::second_type>();
  else if constexpr (is_map_like<T> || is_sequence_like<T>)
    return can_be_kept<typename T::value_type>();
  else return false;
}

}  // namespace detail

/// A handle that is captured by value in functions of datasets; copies share one value. Made by
/// `context::accumulator`. Any thread.
///
///     auto bad = sc.accumulator<std::int64_t>("bad lines");
///     lines.for_each([bad](std::string_view l) { if (l.empty()) bad += 1; });
///     std::cout << bad.value();
///
/// `T` is a copyable value with `T()` as its zero and `+=`, which must be associative. What a task
/// adds counts when it has succeeded, once, however often it was tried; updates of failed attempts
/// do not. They arrive when the task's stage has ended, in the order of the partitions. So what
/// actions add (`for_each`) is exact. What is added in a transformation (`map`) counts as often as
/// the transformation is computed: twice for two actions on what is not cached, and again where a
/// lost shuffle output is computed again.
///
/// In a stream with a checkpoint directory the value comes back when the program is started again,
/// as the batches that were done left it, and what a batch that is parked added is taken back: it
/// needs a name, and a type that is a number, text, a
/// duration, has a codec, or is a container of those.
template <class T>
class accumulator {
 public:
  /// In a task: to what the task adds; elsewhere at once. Not from threads that a function of yours
  /// started within a task.
  template <class U>
  const accumulator& operator+=(U&& update) const {
    if (void* mine = detail::update_in_task(state_))
      *static_cast<T*>(mine) += std::forward<U>(update);
    else
      detail::accumulator_tally::count(
          state_, [&](const detail::accumulator_tally* by) { state_->add(update, by); });
    return *this;
  }

  /// Throws usage_error in a task.
  T value() const {
    detail::check_no_task(*state_);
    return state_->value();
  }
  /// Back to `T()`. Throws usage_error in a task.
  void reset() const {
    detail::check_no_task(*state_);
    state_->reset();
  }
  const std::string& name() const { return state_->name(); }

  /// For `context::accumulator`.
  std::shared_ptr<detail::accumulated> core() const { return state_; }
  accumulator(std::string name, T initial)
      : state_(std::make_shared<shared>(std::move(name), std::move(initial))) {}

 private:
  class shared final : public detail::accumulated {
   public:
    shared(std::string name, T initial)
        : accumulated(std::move(name)), value_(std::move(initial)) {}
    std::shared_ptr<void> zero() const override { return std::make_shared<T>(); }
    void merge(const void* from_task, const detail::accumulator_tally* by) override {
      add(*static_cast<const T*>(from_task), by);
    }
    void settle(const detail::accumulator_tally& by) override {
      const std::lock_guard lock(mutex_);
      const auto part = part_of(by);
      if (part == parts_.end()) return;
      if (parts_.size() == 1) settled_.reset();  // it is all there is
      else *settled_ += part->second;
      parts_.erase(part);
    }
    void drop(const detail::accumulator_tally& by) override {
      const std::lock_guard lock(mutex_);
      const auto part = part_of(by);
      if (part == parts_.end()) return;
      parts_.erase(part);
      value_ = *settled_;
      for (const auto& other : parts_) value_ += other.second;
      if (parts_.empty()) settled_.reset();
    }
    std::string signature() const override {
      if constexpr (detail::can_be_kept<T>()) return detail::signature_of(detail::row_type_of<T>());
      else return {};
    }
    void write(byte_writer& to) const override {
      const std::lock_guard lock(mutex_);
      if constexpr (detail::can_be_kept<T>()) {
        detail::encode_row(detail::row_type_of<T>(), settled_ ? &*settled_ : &value_, to);
      }
    }
    void read(byte_reader& from) override {
      if constexpr (detail::can_be_kept<T>()) {
        detail::arena texts;  // T owns its text
        detail::row_buffer row(detail::row_type_of<T>());
        detail::decode_row(row.type(), row.place(), from, texts);
        row.added();
        const std::lock_guard lock(mutex_);
        value_ = *static_cast<const T*>(row.row(0));
      }
    }
    template <class U>
    void add(const U& update, const detail::accumulator_tally* by) {
      const std::lock_guard lock(mutex_);
      if (by != nullptr) {
        if (!settled_) settled_ = value_;
        auto part = part_of(*by);
        if (part == parts_.end()) part = parts_.insert(part, {by, T()});
        part->second += update;
      } else if (settled_) {
        *settled_ += update;
      }
      value_ += update;
    }
    T value() const {
      const std::lock_guard lock(mutex_);
      return value_;
    }
    void reset() {
      const std::lock_guard lock(mutex_);
      value_ = T();
      parts_.clear();
      settled_.reset();
    }

   private:
    using parts = std::vector<std::pair<const detail::accumulator_tally*, T>>;
    auto part_of(const detail::accumulator_tally& by) {
      return std::find_if(parts_.begin(), parts_.end(),
                          [&](const auto& one) { return one.first == &by; });
    }

    mutable std::mutex mutex_;
    T value_;
    parts parts_;               // of `value_`, that are not settled
    std::optional<T> settled_;  // `value_` without them; none: there are none
  };

  std::shared_ptr<shared> state_;
};

}  // namespace millrace
