def write(place, part, found):
    with open(place, "w", encoding="utf-8") as file:
        for row in found:
            file.write(json.dumps(row) + "\n")
