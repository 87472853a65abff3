"""Search for any two characters: a GIN index on the pairs of neighbouring characters of the description.

Trigram indexes cannot serve two characters. The cost of 1000 makes the planner walk a key for common words
and take this index for rare and absent ones.
"""

from django.db import migrations

CREATE = """
create function tickets_pairs(words text) returns text[]
language plpgsql immutable strict parallel safe cost 1000 as $$
declare
    clean text := lower(regexp_replace(words, '\\s+', '', 'g'));
    pairs text[] := '{}';
begin
    for i in 1 .. greatest(length(clean) - 1, 0) loop
        pairs := pairs || substr(clean, i, 2);
    end loop;
    return pairs;
end $$;
create index ticket_word_pairs on tickets_ticket using gin (tickets_pairs(description));
"""
DROP = "drop index ticket_word_pairs; drop function tickets_pairs(text)"


class Migration(migrations.Migration):
    dependencies = [("tickets", "0001_initial")]
    operations = [migrations.RunSQL(CREATE, DROP)]
