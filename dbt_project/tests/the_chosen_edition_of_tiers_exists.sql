-- A misspelt edition would leave every metric without a tier.
select '{{ var("tier_edition") }}' as tier_edition
where '{{ var("tier_edition") }}' not in (select source || ' ' || year from {{ ref('dora_tiers') }})
