//! Which partitions have been handed out to their end.

use std::ffi::CString;

use jangbu_runtime::ports::{SubscriberEvent, TopicPartition};
use rdkafka::Offset;
use rdkafka::bindings::{rd_kafka_get_watermark_offsets, rd_kafka_resp_err_t as Code};
use rdkafka::consumer::Consumer;

use super::member::Member;

impl Member {
    /// rdkafka tells the number of the partition that ended, but neither topic nor offset. Those with that number that
    /// have moved since their end was told last, and stand at what the broker called the end, are the ones.
    pub(super) fn tell_ends(&mut self, numbers: &[i32]) {
        self.note_control_records();
        for (at, offset) in self.lanes.may_have_ended(numbers) {
            if self
                .end_as_last_fetched(&at)
                .is_some_and(|end| offset >= end)
            {
                self.lanes.ended(&at, offset);
                self.tell(Ok(SubscriberEvent::End(at, offset)));
            }
        }
    }

    fn note_control_records(&mut self) {
        let Ok(positions) = self.consumer.position() else {
            return;
        };
        for element in positions.elements() {
            if let Offset::Offset(offset) = element.offset() {
                let topic = self.names.get(element.topic());
                let partition = element.partition();
                self.lanes
                    .came(&TopicPartition { topic, partition }, offset);
            }
        }
    }

    /// The end of a partition as its last fetch told it; asks nobody. To ask the broker instead would hold up the next
    /// records for every one that comes alone.
    #[expect(
        unsafe_code,
        reason = "rdkafka does not wrap librdkafka's cached watermarks"
    )]
    fn end_as_last_fetched(&self, at: &TopicPartition) -> Option<i64> {
        let topic = CString::new(&*at.topic).ok()?;
        let (mut low, mut high) = (0, 0);
        // SAFETY: the client lives as long as `self`; the topic's text ends with NUL; both results outlive the call,
        // which keeps none of the pointers.
        let code = unsafe {
            let client = self.consumer.client().native_ptr();
            rd_kafka_get_watermark_offsets(
                client,
                topic.as_ptr(),
                at.partition,
                &raw mut low,
                &raw mut high,
            )
        };
        (code == Code::RD_KAFKA_RESP_ERR_NO_ERROR && high >= 0).then_some(high)
    }
}
