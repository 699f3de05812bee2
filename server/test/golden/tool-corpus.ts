/**
 * Tools as the vocabularies of code hosting, chat, payment, clusters, files, databases, mail and devices name them, labelled
 * by hand by what they do. One a line: effect, name, description, and arguments after a second bar where they matter.
 */
export const toolCorpus = `
destructive delete_repository | Deletes a repository.
destructive delete_file | Delete a file from a GitHub repository
destructive delete_branch | Removes a branch from the remote
destructive delete_workflow_run_logs | Deletes logs for a workflow run
destructive cancel_workflow_run | Cancel a workflow run
destructive merge_pull_request | Merge a pull request
destructive remove_collaborator | Remove a collaborator from a repository
destructive dismiss_and_delete_alert | Dismisses an alert
destructive archive_repository | Archive a repository so that it becomes read-only
destructive force_push_branch | Push local commits, replacing the remote history
destructive git_reset | Unstages all staged changes
destructive git_clean | Remove untracked files from the working tree
destructive git_rebase | Reapply commits on top of another base
destructive git_revert | Revert a commit
destructive transfer_repository | Transfer a repository to another owner
destructive revoke_installation_token | Revokes the token
destructive close_issue | Close an issue
destructive chat_delete | Deletes a message.
destructive conversations_archive | Archives a conversation.
destructive conversations_kick | Removes a user from a conversation.
destructive files_delete | Deletes a file.
destructive admin_users_remove | Remove a user from a workspace.
destructive reactions_remove | Removes a reaction from an item.
destructive auth_revoke | Revokes a token.
destructive slack_archive_channel | Archive a channel
destructive create_refund | Refund a charge that was previously created
destructive refund_payment | Returns the money to the customer
destructive create_payout | Send funds to your bank account
destructive charge_customer | Charge the card on file
destructive capture_payment | Capture an authorized payment
destructive create_transfer | Move funds between accounts
destructive cancel_subscription | Cancel a customer's subscription
destructive void_and_delete_invoice | Void an open invoice
destructive delete_customer | Permanently deletes a customer. It cannot be undone.
destructive purchase_domain | Buy a domain name
destructive pay_invoice | Pays an invoice
destructive withdraw_funds | Withdraw to an external wallet
destructive checkout_cart | Place the order and pay
destructive kubectl_delete | Delete Kubernetes resources
destructive pods_delete | Delete a Kubernetes Pod in the current or provided namespace
destructive pods_exec | Execute a command in a Kubernetes Pod
destructive kubectl_generic | Execute any kubectl command
destructive drain_node | Drain a node in preparation for maintenance
destructive cordon_node | Mark a node as unschedulable
destructive rollout_undo | Roll back to a previous revision
destructive restart_deployment | Restart all pods of a deployment
destructive helm_uninstall | Uninstall a Helm release
destructive uninstall_helm_chart | Uninstall a chart
destructive evict_pod | Evict a pod
destructive scale_to_zero | Scale a workload to zero
destructive terminate_instances | Terminates EC2 instances
destructive StopInstances | Stops an Amazon EBS-backed instance
destructive RebootInstances | Requests a reboot
destructive DeleteBucket | Deletes the S3 bucket
destructive DeregisterImage | Deregisters the specified AMI
destructive DetachRolePolicy | Removes the managed policy from the role
destructive schedule_key_deletion | Schedules the deletion of a key
destructive disable_user | Disables sign-in of a user
destructive deactivateUser | Deactivate a user
destructive suspend_account | Suspend an account
destructive ban_member | Ban a member from the server
destructive block_sender | Block a sender
destructive revoke_sessions | Ends all sessions of a user
destructive reset_password | Reset the password of a user
destructive rotate_api_key | Rotate an API key
destructive regenerate_secret | Create a new secret in place of the old one
destructive write_file | Create a new file or completely overwrite an existing file with new content. Use with caution.
destructive remove_directory | Remove a directory
destructive rmdir | Remove an empty directory
destructive empty_trash | Permanently delete everything in the trash
destructive move_to_trash | Move items to the trash
destructive shred_file | Make a file unrecoverable
destructive truncate_table | Empty a table
destructive drop_table | Drop a table from the database
destructive dropIndex | Drop an index
destructive drop-collection | Removes a collection or view from the database
destructive delete-many | Removes all documents that match the filter
destructive alter_table | Alter a table
destructive execute_sql | Executes raw SQL in the Postgres database
destructive run_sql_query | Run a SQL statement | query
destructive query | Run a SQL query | sql
destructive apply_migration | Applies a migration to the database. Tables may be dropped. | name,query
destructive flush_cache | Flush the whole cache
destructive flushall | Delete all keys. Deletes every database.
destructive purge_queue | Deletes the messages in a queue
destructive vacuum_store | Clean up what is no longer referenced
destructive restore_backup | Restore a database from a backup
destructive rollback_deployment | Roll back a deployment
destructive pause_project | Pauses a project
destructive reset_branch | Resets migrations of a development branch. Any untracked data will be lost.
destructive delete_edge_function | Deletes a function
destructive purge_cdn | Purge cached assets
destructive unpublish_page | Take a page offline
destructive shutdown_server | Shut the server down
destructive power_off | Turn the device off
destructive kill_process | Kill a process by its id
destructive abort_upload | Abort a multipart upload
destructive end_meeting | End the meeting for everyone
destructive complete_order | Complete an order
destructive finalize_invoice | Finalize a draft invoice
destructive expire_link | Expire a link now
destructive unsubscribe_contact | Unsubscribe a contact from all lists
destructive unlink_account | Unlink an account
destructive detach_volume | Detach a volume
destructive replace_document | Replace a document by another
destructive bulk_operation | Apply one operation to many items | action=create/update/delete
destructive manage_items | Manage items | operation=list/get/remove
destructive item | Work with items | action=get/delete
destructive http_request | Send a request to any address | method=GET/POST/DELETE,url
destructive shell | Run a command on the host
destructive run_command | Run a command | command
destructive bash | A shell
destructive eval_javascript | Evaluate JavaScript in the page | code
destructive browser_evaluate | Evaluate an expression in the page | function
destructive run_code | Run Python code in a sandbox | code
destructive call_tool | Call a tool of another server
destructive mutate | Do any of the write operations
destructive nuke_workspace | Start over
destructive get_and_delete_message | Get a message
destructive pop_message | Reads the next message and removes it from the queue
destructive receive_message | Receives a message. Messages are deleted once they are read.
destructive fetch_inbox | Fetches the inbox. Deletes what it fetched.
destructive cleanup | Clean up temporary resources
destructive tidy_up | Get rid of old branches
destructive housekeeping | Permanent removal of stale records
destructive sync_folder | Synchronise a folder. Files that are missing at the source will be deleted.
destructive update_tags | Update tags. Passing an empty list removes all tags.
destructive set_labels | Set the labels; existing labels are removed.
destructive edit_record | Edit a record | record_id,delete_attachments
destructive copy_object | Copy an object | source,target,overwrite
destructive push_changes | Push commits to the remote | branch,force
destructive formatDisk | Format a disk
destructive closeAccount | Close an account for good
destructive deleteuser | Offboarding
destructive toggle_feature | Toggle a feature flag
destructive lock_account | Lock an account
destructive removeAllListeners | Detach every listener
destructive wipe_device | Erase all data of a managed device
destructive unenroll_and_erase | Take a device out of management
destructive void_invoice | Void an invoice
destructive forget_memory | Forget a memory
destructive redact_transcript | Redact a transcript
destructive anonymize_customer | Anonymise a customer's data
destructive deallocate_vm | Deallocate a virtual machine
destructive dequeue_job | Take the next job
destructive unschedule_post | Take a post off the schedule
destructive repo.branches.delete-all | Housekeeping
write create_issue | Create a new issue in a GitHub repository
write update_issue | Update an existing issue
write add_issue_comment | Add a comment to an issue
write create_pull_request | Create a pull request
write create_branch | Create a new branch
write push_files | Push multiple files in a single commit
write fork_repository | Fork a repository
write request_copilot_review | Request a review
write rerun_failed_jobs | Re-run failed jobs
write issue_write | Create or update an issue
write git_commit | Records changes to the repository
write git_add | Adds file contents to the staging area
write chat_postMessage | Sends a message to a channel.
write slack_post_message | Post a message to a channel
write slack_add_reaction | Add a reaction to a message
write conversations_invite | Invites people to a channel.
write send_email | Send an email | subject,body,recipients
write draft_email | Draft an email
write create_event | Create a calendar event
write create_customer | Create a customer
write create_invoice | Create an invoice
write create_price | Create a price for a product
write create_payment_link | Create a payment link | price
write kubectl_apply | Apply a manifest
write kubectl_scale | Scale a deployment
write helm_install | Install a chart
write create_namespace | Create a namespace
write RunInstance | Start a machine
write StartInstances | Starts an instance
write create_directory | Create a directory
write move_file | Move or rename a file
write edit_file | Make line-based edits to a text file
write insert-many | Insert an array of documents
write create-index | Create an index for a collection
write create_project | Create a project
write deploy_edge_function | Deploys a function | name,files
write grant_role | Grant a role to a principal
write add_member | Add a member to a team
write invite_user | Invite somebody to the workspace
write share_file | Share a file with somebody
write create_api_key | Create an API key
write create_webhook | Create a webhook | url,events
write publish_post | Publish a post
write set_light_color | Set the colour of a light
write browser_click | Perform click on a web page
write page_create | Create a page
write upload_file | Upload a file
write subscribe | Subscribe to a feed
write approve_request | Approve a request
write find_or_create_contact | Find a contact, or create one
write get_or_create_room | Get a room
write frobnicate | Frobnicates the widget
write x |
write remember | Remembers a fact
write log_event | Logs an event
write open_issue | Opens an issue
write copy_file | Copies a file
write set_visibility | Sets who may see it
write add_ssh_key | Adds a key to the account
read get_file_contents | Get the contents of a file or directory
read list_issues | List issues in a repository
read get_issue | Get details of a specific issue
read get_pull_request_diff | Get the diff of a pull request
read search_repositories | Search for GitHub repositories
read search_code | Search for code | query
read get_commit | Get details for a commit
read list_commits | List commits of a branch
read list_releases | List releases
read get_workflow_run_logs | Download logs for a workflow run
read git_status | Shows the working tree status
read git_diff | Shows differences between branches
read list_deleted_items | Lists items that were deleted
read get_removed_users | Returns a list of removed users
read list_cancelled_orders | Lists orders that were cancelled
read get_closed_issues | Returns closed issues
read retrieve_asset | Retrieves an asset. This does not delete it.
read get_deletion_policy_info | Returns how long deleted items are kept
read get_item | Returns the deleted items as well as the others
read list_items | List items. To remove one, use \`remove_item\`.
read list_views | Returns views. Assets can be deleted while views are counted.
read conversations_list | Lists all channels.
read conversations_history | Fetches a conversation's history of messages.
read users_info | Gets information about a user.
read slack_get_thread_replies | Get all replies in a thread
read retrieve_balance | Retrieve the balance
read list_charges | List charges
read get_refund | Get a refund
read list_payment_intents | List payment intents
read charge_list | Lists charges
read pods_list | List all the Kubernetes pods
read pods_get | Get a pod
read pods_log | Get the logs of a pod
read kubectl_get | Get or list Kubernetes resources
read kubectl_describe | Describe a resource
read DescribeInstances | Describes the specified instances
read ListBuckets | Returns a list of all buckets
read GetObject | Retrieves an object
read read_file | Read the complete contents of a file
read list_directory | Get a detailed listing of a directory
read directory_tree | Get a recursive tree view
read get_file_info | Retrieve metadata about a file
read list_tables | Lists all tables
read list-collections | List all collections
read count | Gets the number of documents
read explain | Returns statistics of the winning plan
read collection-schema | Describe the schema for a collection
read search_docs | Search the documentation
read list_roles | List roles
read get_user_permissions | Get what a user may do
read order_list | Lists orders
read whoami | Tells who you are
read open_nodes | Open specific nodes in the knowledge graph by their names
read list_audit_events | List events | event_type=create/update/delete,limit
read search_issues | Search issues | query,state=open/closed,include_deleted
read get_country | Get a country | code
read thumbnail | [Fetch a thumbnail](https://docs.example.com/delete) from a video
`
