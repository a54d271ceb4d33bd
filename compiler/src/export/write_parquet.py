def write(place, part, found):
    from datasets import Dataset

    Dataset.from_list(
        [
            {
                "prompt": [{"role": "user", "content": row["prompt"]}],
                "data_source": row["domain"],
                "reward_model": {"style": "rule", "ground_truth": json.dumps(row["columns"])},
                "extra_info": {"index": at, "part": part},
            }
            for at, row in enumerate(found)
        ]
    ).to_parquet(place)
