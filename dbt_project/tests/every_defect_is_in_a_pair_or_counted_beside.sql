-- In each stream and window the pairs, the defects without an origin and those without a place add up to all.
select
    stream_type,
    stream_id,
    window_name
from {{ ref('defect_stage_pairs') }}
group by stream_type, stream_id, window_name
having sum(defect_count) + max(unattributed_count) + max(unplaced_count) <> max(all_count)
