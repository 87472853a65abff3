"""A company-wide role is granted without a project and any other with one: refused by the database as well."""

from django.db import migrations

CREATE = """
create function staff_check_grant_scope() returns trigger language plpgsql as $$
begin
    if (new.project_id is null) <> (select is_company_wide from staff_role where id = new.role_id) then
        raise exception 'role % does not fit its scope', new.role_id
            using errcode = 'check_violation', constraint = 'grant_fits_its_scope';
    end if;
    return new;
end $$;
create trigger grant_fits_its_scope before insert or update on staff_rolegrant
    for each row execute function staff_check_grant_scope();

create function staff_check_role_scope() returns trigger language plpgsql as $$
begin
    if exists (select 1 from staff_rolegrant where role_id = new.id) then
        raise exception 'role % is granted, its scope stays', new.id
            using errcode = 'check_violation', constraint = 'granted_role_keeps_its_scope';
    end if;
    return new;
end $$;
create trigger granted_role_keeps_its_scope before update of is_company_wide on staff_role
    for each row when (new.is_company_wide is distinct from old.is_company_wide)
    execute function staff_check_role_scope();

create function staff_keep_change() returns trigger language plpgsql as $$
begin
    raise exception 'staff changes are written once' using errcode = 'check_violation', constraint = 'change_is_kept';
end $$;
create trigger change_is_kept before update or delete on staff_staffchange
    for each row execute function staff_keep_change();
"""
DROP = """
drop trigger change_is_kept on staff_staffchange;
drop function staff_keep_change();
drop trigger granted_role_keeps_its_scope on staff_role;
drop function staff_check_role_scope();
drop trigger grant_fits_its_scope on staff_rolegrant;
drop function staff_check_grant_scope();
"""


class Migration(migrations.Migration):
    dependencies = [("staff", "0003_people")]
    operations = [migrations.RunSQL(CREATE, DROP)]
